"""Words that Debian's programs take and phones' do not: what reaches a phone's programs is written down and checked.

    regular_expressions, sed_programs, invocations, shell_texts     from a text or its words to objections; pure
    spots, recording                                                what the programs are called with, and from where
    life                                                            everything that is ever asked of one phone

What is refused is what POSIX does not promise or what a release is known to lack (docs/android/commands.md 13):
Debian's programs
and even musl's regcomp take more than Android's.
"""

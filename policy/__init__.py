"""What is forbidden and what follows: documents and the judgement. Pure: no clock, no network, no files."""

"""The way of a policy: drafted, rehearsed, proposed, signed by its approvers on their own machines, published."""

from __future__ import annotations

from pathlib import Path

from demo.organisation import Organisation

AUTHOR = "author-1"


class PolicyRoad:
    """What an author and the approvers of an organisation type; each approver has an account and a token."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._tokens: dict[int, str] = {}
        self.drafts = 0
        """How many were begun so far, which is the number of the newest."""

    def staff(self, approvers: int) -> None:
        """Make the accounts, and a token for each approver's machine."""
        self._organisation.person(AUTHOR, "author")
        for number in range(1, approvers + 1):
            self._organisation.person(f"approver-{number}", "approver")
            told = self._server("token", f"approver-{number}", "--for", "signing", secret=True)
            self._tokens[number] = told.splitlines()[-1]

    def publish_file(self, policy: Path, title: str, signers: int) -> None:
        """Take a policy in a file all the way."""
        self._server("policy", "diff", str(policy), may_differ=True)
        self._server("policy", "import", str(policy), "--author", AUTHOR, "--title", title)
        self._from_draft(signers)

    def publish_lift(self, signers: int) -> None:
        """Take the lift of the policy in force all the way."""
        self._server("policy", "draft", "--author", AUTHOR, "--title", "Lift", "--from", "lift")
        self._from_draft(signers)

    def _from_draft(self, signers: int) -> None:
        self.drafts += 1
        draft = str(self.drafts)
        self._server("policy", "rehearse", "--draft", draft)
        self._server("policy", "propose", draft, "--author", AUTHOR)
        for number in range(1, signers + 1):
            self.sign(self.drafts, number)

    def sign(self, draft: int, approver: int) -> None:
        """Let an approver sign what is proposed, on a machine with their key."""
        here = self._organisation
        here.commands.run(
            *("curfew-certs", "approve", f"{here.url}/drafts/{draft}", "--yes"),
            *("--key", str(here.approver_key(approver)), "--trust", str(here.trust)),
            environment={"CURFEW_TOKEN": self._tokens[approver]},
        )

    def _server(self, *words: str, secret: bool = False, may_differ: bool = False) -> str:
        return self._organisation.server(*words, secret=secret, may_exit=(0, 1) if may_differ else (0,))

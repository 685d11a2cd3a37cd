"""What can go wrong with keys, envelopes, publications and downloads, as errors.

CertsError
├── KeyUnusable              a key cannot be read, or is not one we can sign with
│   ├── KeyReadableByOthers  a key file with open permissions; the message names the command that mends it
│   ├── KeyExists            a key file is never overwritten
│   └── PassphraseNeeded     an encrypted key file, and no passphrase or a wrong one
├── EnvelopeRefused          a signed envelope that does not hold
├── FetchFailed              the server could not be asked; nothing is known about what it would have said
│   └── FileMissing          the server answered that it has no such file
├── AnswerRefused            a server answered, and not with what it was asked for
├── WitnessRefused           a file of heads of an audit chain that holds something else
├── InvalidCode              the line that enrols a station is not whole
├── NotWritten               a file could not be written durably; the old one is intact
├── RepositoryProblem        the folder of an admin cannot do what was asked
│   ├── NotARepository       no trust was made there yet
│   ├── NotNewestBase        a policy that does not follow the newest published one
│   ├── NotAnApprover        a key whose signature does not count for this role
│   ├── ProposalRefused      a proposal that is not what may be signed next
│   ├── ApprovalRefused      a signature that is not over what is proposed
│   └── ThresholdNotReached  too few signatures to publish
└── BundleRefused            a download that is not accepted; ``code`` says by which rule (see `BundleFault`)
    ├── NotBootstrapped      no root was ever trusted here
    ├── WrongRoot            a root other than the enrolment code names
    ├── WrongSignature       too few signatures of the right keys
    ├── VersionWentBack      a lower version of signed metadata than was seen before
    ├── Expired              signed metadata whose time is over, by trusted time
    ├── ContentMismatch      bytes that are not what the signed metadata says
    ├── TooLong              more bytes than the signed metadata or our limits allow
    ├── Damaged              bytes that are no signed metadata at all
    ├── DemoMarkChanged      demo trust turned real, or real trust turned demo
    ├── PolicyMissing        a valid publication without a policy; never taken as a lift
    ├── FleetMissing         a valid publication without the fleet's exemptions
    ├── NewerJudgementNeeded a policy that asks for a newer judgement than this one
    ├── RuleUnknown          a signed rule that this version does not know
    ├── DocumentInvalid      a signed document without the agreed form
    ├── NumberWentBack       a lower bundle number, under whatever metadata
    ├── NumberReused         the same bundle number with another content
    ├── FleetWentBack        a lower fleet number
    └── StoredDamaged        what this station stored can no longer be read
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class CertsError(Exception):
    """Something about trust is wrong; the message says what was expected, what was found, what to do next."""


class KeyUnusable(CertsError):
    """A key cannot be read, or is of a kind we do not sign with."""


class KeyReadableByOthers(KeyUnusable):
    """A private key file that others may read; signing with it would prove nothing."""


class KeyExists(KeyUnusable):
    """A key file stands where a new one was to be written; keys are never overwritten."""


class PassphraseNeeded(KeyUnusable):
    """The key file is encrypted and the passphrase is missing or wrong."""


class EnvelopeRefused(CertsError):
    """An envelope is malformed, of another kind, or not signed by the expected key."""


class FetchFailed(CertsError):
    """The server could not be reached or broke off; trying again later is the remedy."""


class FileMissing(FetchFailed):
    """The server answered that it does not have this file."""


class AnswerRefused(CertsError):
    """A server answered and said no, or something that does not have the agreed form."""


class WitnessRefused(CertsError):
    """A file that is to hold heads of an audit chain holds something else."""


class InvalidCode(CertsError, ValueError):
    """The line that enrols a station is malformed."""


class NotWritten(CertsError):
    """A file could not be written durably; what stood there before is intact."""


class RepositoryProblem(CertsError):
    """The folder of trust cannot do what was asked."""


class NotARepository(RepositoryProblem):
    """The folder holds no trust yet."""


class NotNewestBase(RepositoryProblem):
    """The document does not follow directly on the newest published one."""


class NotAnApprover(RepositoryProblem):
    """The key's signature does not count for this role."""


class ProposalRefused(RepositoryProblem):
    """What is proposed is not what may be signed next; nothing was signed."""


class ApprovalRefused(RepositoryProblem):
    """A signature that does not hold over what is proposed."""


class ThresholdNotReached(RepositoryProblem):
    """More signatures are needed before this can be published."""


class BundleFault(Enum):
    """By which rule a bundle is refused. A closed list; reports and pages show it."""

    NOT_BOOTSTRAPPED = "not_bootstrapped"
    WRONG_ROOT = "wrong_root"
    WRONG_SIGNATURE = "wrong_signature"
    VERSION_WENT_BACK = "version_went_back"
    EXPIRED = "expired"
    CONTENT_MISMATCH = "content_mismatch"
    TOO_LONG = "too_long"
    DAMAGED = "damaged"
    DEMO_MARK_CHANGED = "demo_mark_changed"
    POLICY_MISSING = "policy_missing"
    FLEET_MISSING = "fleet_missing"
    JUDGEMENT_TOO_OLD = "judgement_too_old"
    RULE_UNKNOWN = "rule_unknown"
    DOCUMENT_INVALID = "document_invalid"
    NUMBER_WENT_BACK = "number_went_back"
    NUMBER_REUSED = "number_reused"
    FLEET_WENT_BACK = "fleet_went_back"
    STORED_DAMAGED = "stored_damaged"


class BundleRefused(CertsError):
    """A bundle is not accepted; the one accepted before, if any, stays in force. ``code`` names the rule."""

    code: ClassVar[BundleFault]


class NotBootstrapped(BundleRefused):
    """No root was ever trusted here."""

    code = BundleFault.NOT_BOOTSTRAPPED


class WrongRoot(BundleRefused):
    """The root is not the one that the enrolment code, or this station's past, names."""

    code = BundleFault.WRONG_ROOT


class WrongSignature(BundleRefused):
    """Fewer valid signatures of trusted keys than the role's threshold."""

    code = BundleFault.WRONG_SIGNATURE


class VersionWentBack(BundleRefused):
    """Signed metadata has a lower version than was accepted before, or another one than was announced."""

    code = BundleFault.VERSION_WENT_BACK


class Expired(BundleRefused):
    """Signed metadata is past its time, by trusted time."""

    code = BundleFault.EXPIRED


class ContentMismatch(BundleRefused):
    """Length or hash of a file differ from what was signed (a truncated download, an exchanged file)."""

    code = BundleFault.CONTENT_MISMATCH


class TooLong(BundleRefused):
    """A file goes on beyond the length that was signed or that we are ready to read."""

    code = BundleFault.TOO_LONG


class Damaged(BundleRefused):
    """Bytes that are no signed metadata, or metadata that contradicts itself."""

    code = BundleFault.DAMAGED


class DemoMarkChanged(BundleRefused):
    """A root that is marked as a demo follows one that is not, or the other way round."""

    code = BundleFault.DEMO_MARK_CHANGED


class PolicyMissing(BundleRefused):
    """A validly signed publication names no policy; a ban is lifted by a policy that says so, never by silence."""

    code = BundleFault.POLICY_MISSING


class FleetMissing(BundleRefused):
    """A validly signed publication names no fleet document, so exempt phones could not be told."""

    code = BundleFault.FLEET_MISSING


class NewerJudgementNeeded(BundleRefused):
    """The policy asks for a newer version of the judgement than this software has."""

    code = BundleFault.JUDGEMENT_TOO_OLD


class RuleUnknown(BundleRefused):
    """The policy carries a rule that this software does not know; skipping it would enforce less than was signed."""

    code = BundleFault.RULE_UNKNOWN


class DocumentInvalid(BundleRefused):
    """A signed document does not have the agreed form."""

    code = BundleFault.DOCUMENT_INVALID


class NumberWentBack(BundleRefused):
    """The bundle's number is lower than the accepted one's."""

    code = BundleFault.NUMBER_WENT_BACK


class NumberReused(BundleRefused):
    """The bundle has the accepted one's number and another content."""

    code = BundleFault.NUMBER_REUSED


class FleetWentBack(BundleRefused):
    """The fleet document's number is lower than the accepted one's."""

    code = BundleFault.FLEET_WENT_BACK


class StoredDamaged(BundleRefused):
    """The stored trust of this station cannot be read any more."""

    code = BundleFault.STORED_DAMAGED

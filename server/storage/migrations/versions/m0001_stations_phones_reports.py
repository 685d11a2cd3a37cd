"""Make the tables of stations, phones, reports, alarms and publications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _stations()
    _phones()
    _reports()
    _publications()


def downgrade() -> None:
    # What refers to others first: PostgreSQL drops no table that is still referred to.
    for table in (
        "phone_state",
        "alarm",
        "report",
        "phone",
        "nonce",
        "enrolment_code",
        "station",
        "publication",
        "trust_file",
    ):
        op.drop_table(table)


def _stations() -> None:
    op.create_table(
        "station",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("public_key_pem", sa.LargeBinary, nullable=False),
        sa.Column("key_fingerprint", sa.String(64), nullable=False),
        sa.Column("enrolled_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME),
        sa.PrimaryKeyConstraint("station_id", name="pk_station"),
        sa.UniqueConstraint("key_fingerprint", name="uq_station_key_fingerprint"),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("made_for", sa.String(100), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_enrolment_code"),
    )
    # Without a foreign key: a nonce is stored only for a station that was found a moment before, and for ten minutes.
    op.create_table(
        "nonce",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("nonce", sa.String(128), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "nonce", name="pk_nonce"),
    )
    op.create_index("ix_nonce_expires_at", "nonce", ["expires_at"])


def _phones() -> None:
    op.create_table(
        "phone",
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("manufacturer", sa.String(100), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("sealed_holder", sa.LargeBinary, nullable=False),
        sa.Column("consent", sa.String(10), nullable=False),
        sa.Column("consent_since", _TIME, nullable=False),
        sa.Column("api_level", sa.Integer, nullable=False),
        sa.Column("virtual", sa.Boolean, nullable=False),
        sa.Column("registered_at", _TIME, nullable=False),
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("phone_id", name="pk_phone"),
        sa.UniqueConstraint("identity", name="uq_phone_identity"),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"], name="fk_phone_station_id_station"),
    )


def _reports() -> None:
    # `counter` and `bundle_number` take what signed documents may hold: integers up to 64 bits
    # (policy/schemas/strict_json.py).
    op.create_table(
        "report",
        sa.Column("report_id", sa.String(100), nullable=False),
        sa.Column("payload_sha256", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.Column("effective_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("enforceable", sa.Boolean, nullable=False),
        sa.Column("bundle_number", sa.BigInteger, nullable=False),
        sa.Column("actions", sa.Integer, nullable=False),
        sa.Column("has_ledger", sa.Boolean, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("report_id", name="pk_report"),
        sa.UniqueConstraint("station_id", "counter", name="uq_report_station_id_counter"),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"], name="fk_report_station_id_station"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_report_phone_id_phone"),
    )
    op.create_index("ix_report_phone_id_effective_at", "report", ["phone_id", "effective_at"])
    # `report_id` is no foreign key: a report in quarantine is stored nowhere but here.
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("report_id", sa.String(100), nullable=False),
        sa.Column("payload_sha256", sa.String(64), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("detail", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
        sa.UniqueConstraint("report_id", "payload_sha256", name="uq_alarm_report_id_payload_sha256"),
    )
    op.create_index("ix_alarm_station_id", "alarm", ["station_id"])
    op.create_index("ix_alarm_phone_id", "alarm", ["phone_id"])
    # One row a phone with what lists and counts ask of its newest check, so that they need not look for it among all
    # reports.
    op.create_table(
        "phone_state",
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("report_id", sa.String(100), nullable=False),
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("effective_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("time_trusted", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("enforceable", sa.Boolean, nullable=False),
        sa.Column("unchanged_since", _TIME, nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("bundle_number", sa.BigInteger, nullable=False),
        sa.Column("release", sa.String(300), nullable=False),
        sa.Column("api_level", sa.Integer, nullable=False),
        sa.Column("patch_level", sa.String(300), nullable=False),
        sa.Column("boot_state", sa.String(300), nullable=False),
        sa.Column("open_entries", sa.Integer, nullable=False),
        sa.Column("families", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("phone_id", name="pk_phone_state"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_phone_state_phone_id_phone"),
        sa.ForeignKeyConstraint(["report_id"], ["report.report_id"], name="fk_phone_state_report_id_report"),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.station_id"], name="fk_phone_state_station_id_station"
        ),
    )


def _publications() -> None:
    # By serial and not by number: new exemptions are another publication of the bundle in force.
    op.create_table(
        "publication",
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("published_at", _TIME, nullable=False),
        sa.Column("demo", sa.Boolean, nullable=False),
        sa.Column("signers", sa.Text, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("policy_bytes", sa.LargeBinary, nullable=False),
        sa.Column("fleet_bytes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_publication"),
    )
    op.create_index("ix_publication_number", "publication", ["number"])
    op.create_table(
        "trust_file",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_trust_file"),
    )

"""Several servers on a PostgreSQL with a standby, by the files of deploy/, and what becomes of reports on bad days."""

"""One database behind everything that is kept: transactions, migrations, shared commits."""

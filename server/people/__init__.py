"""People who may use the server: accounts, rights, signing in, tokens."""

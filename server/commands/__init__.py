"""What an admin can type on the server: thin commands, by what they are about; `server.cli` lists them."""

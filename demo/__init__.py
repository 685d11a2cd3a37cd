"""The whole story on real connections, told in one terminal."""

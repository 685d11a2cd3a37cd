"""What whoever runs a server does with what it stores: checking it, making a copy of it, standing it up again."""

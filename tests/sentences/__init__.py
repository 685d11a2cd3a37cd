"""Every sentence that claims a state or promises one is true under every stage and standing; the table tells which."""

"""What must stay provable: the audit chain, and alarms with the reports that raised them."""

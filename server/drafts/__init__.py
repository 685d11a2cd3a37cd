"""What may become the next policy: drafts, their rehearsals, and how they are approved."""

"""The phones: who they are to us, their latest check, what it means now, what pages and the mail side see of them."""

"""The shell functions that run on the phone: `agent_scripts.exchange` composes one text per exchange from them."""

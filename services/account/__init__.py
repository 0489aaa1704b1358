"""Authentication: accounts, sessions, devices, API keys and the tokens of host applications."""

"""The hints: who should look at the event log again."""

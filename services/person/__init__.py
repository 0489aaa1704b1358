"""People and what lies between two of them: follows, blocks, mutes, settings, and who may write to whom."""

"""People and the relations between them: follows, blocks, mutes, settings, and who may write to a person."""

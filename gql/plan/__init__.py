"""Plans: operations compiled once, and executed without graphql-core's executor."""

"""The catalogue of characters: in PostgreSQL, in each process' memory, and in the messages between the two."""

"""A stand-in for an OpenAI-compatible model: same HTTP API, answers made from a picture's colours and shape."""

"""Tools for dead letters: automatic replay of those that no scan waits for, and a command line for people.

Nothing here can lose a message: whatever is put elsewhere is acknowledged only after the broker has confirmed its copy.
A process that is killed in between leaves a duplicate, which every consumer of ours bears.
"""

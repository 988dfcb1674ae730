"""The rules by their subject: each module has the functions, and a list of the rules that they are."""

"""The bussdcc runtime as this application runs it: one order of events, one state, one way to end.

Everything here stands behind bussdcc's own protocols and constructor arguments; where its default
would lose, reorder or hang something, the class that replaces it says which default and why.
"""

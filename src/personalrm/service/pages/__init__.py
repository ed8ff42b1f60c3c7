"""Web pages on which people see, correct and delete what their profile contains; rendered on the server.

Everything works without JavaScript; with htmx (vendored in ``service/assets``) only the changed part is replaced.
"""

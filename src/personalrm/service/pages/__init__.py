"""Pages on which people see, correct and forget what is believed of them; rendered here, without a build step.

Everything works without a script; with htmx (vendored in ``service/assets``) only the part that changes is replaced.
"""

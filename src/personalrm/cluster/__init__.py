"""The same work over many people: in this process, in several processes, or on a Ray cluster (extra ``cluster``)."""

"""One hotline on one machine: private PostgreSQL, Redis and Asterisk under `var/`, the service and the node.

`python -m deploy.onebox run` starts all of it in the foreground and keeps it running; `stop` ends it.
This package knows processes, ports and folders; what the parts do is theirs.
"""

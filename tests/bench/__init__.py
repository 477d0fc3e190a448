"""`make bench`: this hotline and a plain app_queue under the same load, on the same Asterisk, side by side.

Measures from outside only: SIPp callers and phones, a passive capture of their SIP messages, the desks'
websockets, what the kernel says about each process. It uses the public API and knows nothing of the inside.

    plan.py         what is run: rates, seconds, phones, ports
    private.py      a private hotline in a folder of its own
    load.py         SIPp as callers and as phones
    plain_queue.py  app_queue put beside the hotline in the running Asterisk
    capture.py      tcpdump, and what its file says about each call
    usage.py        CPU and memory of processes
    figures.py      pure: percentiles, a phase's figures, verdicts
    report.py       the table and the JSON

The agents at their desks are tests/desks.py.
"""

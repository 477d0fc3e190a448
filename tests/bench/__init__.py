"""`make bench`: this hotline, app_queue and Dial() under the same load, in one run, side by side.

Measures from outside only: SIPp callers and phones, a passive capture of SIP messages and of what desks ask, the
desks' websockets, what the kernel says about each process. It uses the public API and knows nothing of the inside.

    plan.py         what is run: sections, rates, seconds, phones, callers, ports
    bench.py        one run: the sections in their order
    calls.py        section `calls`: the same rates on every path
    crowd.py        sections `ready` and `waiting`: few agents serve a line that never gets shorter
    storm.py        section `storm`: callers wait, all phones reject, one recovers
    importing.py    section `importing`: a list of customers comes in, and is undone
    customers.py    section `customers`: look-up, search, timeline, outcome among millions; customers_data.py makes them
    matching.py     section `matching`: pairing by itself

    stage.py        what sections stand on: the hotline, SIPp, a watch over wire and processes
    private.py      a private hotline in a folder of its own
    staff.py        its administrator, its agents and their phones
    desks.py        agents at their desks, over the websocket
    peers.py        app_queue and Dial() in a fresh Asterisk; listener.py reads the manager interface
    load.py         SIPp as callers and as phones
    capture.py      tcpdump, and what its file says about each call; readiness.py: about lines
    usage.py        CPU and memory of processes
    figures.py      pure: percentiles, a phase's figures
    verdicts.py     pure: what is aimed at, met or missed
    report.py       the tables and the JSON
"""

"""Recordings of talks: who begins and pauses them, what is kept of them, who listens, and what goes when."""

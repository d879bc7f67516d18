"""Finding what to drive: claims, the gate, inboxes, take-over."""

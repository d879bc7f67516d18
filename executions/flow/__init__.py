"""What happens next, as plain values: no Django, no database, no clock but the one handed in."""

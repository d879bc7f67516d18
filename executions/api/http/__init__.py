"""What every request of the API shares: who asks, how a body is read, how an answer and an error look."""

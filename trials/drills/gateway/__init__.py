"""A drill for money: payments through the gateway while both sides are killed, and the books compared."""

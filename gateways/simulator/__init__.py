"""A payment gateway of our own: the part of Stripe's wire format that we use, a store, and mishaps."""

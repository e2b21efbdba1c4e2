"""Payment gateway simulator: the used part of Stripe's wire format, a store, and faults on demand."""

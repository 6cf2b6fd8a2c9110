"""ApplyTreatment: what is wanted (plans), and a party that hears it until it ends (treatment)."""

"""Media services: who they are, which one is chosen, and a party's leg joined to one of them."""

"""Who this machine is: the machine code that names it and the key that proves it."""

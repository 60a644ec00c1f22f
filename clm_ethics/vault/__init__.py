"""The vault: keys, sealing, look-up tokens.

Pure code but for :class:`~clm_ethics.vault.keys.FileKeys`, which reads one folder. Randomness
is injected. ``cryptography`` is loaded at the first sealing, not at import.

=============  ==================================================================================
``normalise``  the form of a value under which it is looked up
``keys``       providers of the wrapping key: a folder, or memory
``tenant``     the keys of one tenant: look-up, tombstone, receipt and log keys
``sealing``    AES-256-GCM over states, values and entries of one customer
=============  ==================================================================================
"""

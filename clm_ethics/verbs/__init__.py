"""Everything a host can ask for, each verb written once, as a flow."""

//! What events mean, pure: the typed events, their JSON form, and what is personal in them.

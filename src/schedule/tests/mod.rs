//! Due times, by named cases and by chance.

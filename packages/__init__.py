"""B2CT as .deb and .rpm: what script/package runs. docs/packages.md says what they hold."""

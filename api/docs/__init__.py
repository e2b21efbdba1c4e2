"""The documentation as a site: guides, references, decisions and problems, with a search."""

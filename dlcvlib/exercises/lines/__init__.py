"""Solutions with blanks, one file a chapter. They are answers: an edition without them leaves this folder out."""

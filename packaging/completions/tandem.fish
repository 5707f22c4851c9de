# Completion of tandem in fish. The program itself knows its commands, so that this never falls behind.
tandem completions fish | source

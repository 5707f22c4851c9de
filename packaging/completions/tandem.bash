# Completion of tandem in Bash. The program itself knows its commands, so that this never falls behind.
source <(tandem completions bash)

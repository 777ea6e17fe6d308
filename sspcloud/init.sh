#!/usr/bin/env bash
# Préparer un service du SSP Cloud (JupyterLab ou VS Code) pour ce livre.
# Paramètres attendus :
#   1. le carnet à ouvrir, sans son extension (01_commerces, par exemple) ; facultatif.
#
# Onyxia l’appelle une fois le dépôt cloné, par « curl … | bash -s -- CARNET ». On peut le
# relancer à la main autant de fois que l’on veut : il reprend où il en est. Il n’arrête
# jamais le service ; ce qui a manqué est dit dans le journal, à côté du dépôt.
set -uo pipefail

readonly CARNET="${1:-}"
readonly TRAVAIL="${WORKSPACE_DIR:-$HOME/work}"
readonly JOURNAL="$TRAVAIL/pvd-installation.log"
readonly DELAI="${PVD_DELAI:-540}" # secondes, en tout ; le service abandonne après dix minutes

dire() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*" | tee -a "$JOURNAL"; }

echec() {
  dire "ÉCHEC : $1"
  dire "À faire : $2"
  dire "Détails au-dessus, dans $JOURNAL."
  # Au lieu du carnet, JupyterLab montrera ce qui a manqué.
  ouvrir "$(basename "$JOURNAL")"
  rendre
  exit 2
}

# Le script peut tourner en root avant que le service ne passe à l’utilisateur.
rendre() {
  if [ "$(id -u)" = 0 ] && [ -n "${USERNAME:-}" ] && id "$USERNAME" >/dev/null 2>&1; then
    chown "$USERNAME" "$JOURNAL"
    if [ -d "$HOME/.jupyter" ]; then chown -R "$USERNAME" "$HOME/.jupyter"; fi
  fi
}

# Le dépôt : celui où se trouve ce script, ou le premier du dossier de travail qui le contient.
trouver_depot() {
  local ici="${BASH_SOURCE[0]:-}" candidat
  if [ -n "$ici" ] && [ -f "$ici" ]; then
    candidat="$(cd "$(dirname "$ici")/.." && pwd)"
    if [ -f "$candidat/requirements.lock" ]; then
      printf '%s\n' "$candidat"
      return 0
    fi
  fi
  for candidat in "$TRAVAIL"/*/; do
    candidat="${candidat%/}"
    if [ -f "$candidat/sspcloud/init.sh" ] && [ -f "$candidat/requirements.lock" ]; then
      printf '%s\n' "$candidat"
      return 0
    fi
  done
  return 1
}

# Secondes qui restent, une au moins : « timeout 0 » n’arrêterait rien.
reste() { printf '%s\n' "$((SECONDS < DELAI ? DELAI - SECONDS : 1))"; }

installer() {
  local python="$1" depot="$2"
  if command -v uv >/dev/null; then
    # Dans le Python de l’image, où JupyterLab cherche ses paquets, même s’il est protégé : le
    # service est jetable.
    timeout "$(reste)" uv pip install --python "$python" --break-system-packages --require-hashes \
      -r "$depot/requirements.lock" &&
      timeout "$(reste)" uv pip install --python "$python" --break-system-packages --no-deps \
        --no-build-isolation -e "$depot"
  else
    timeout "$(reste)" "$python" -m pip install --disable-pip-version-check --require-hashes \
      -r "$depot/requirements.lock" &&
      timeout "$(reste)" "$python" -m pip install --disable-pip-version-check --no-deps \
        --no-build-isolation -e "$depot"
  fi
}

# Dire à JupyterLab ce qu’il ouvrira en démarrant, nommé depuis le dossier de travail. VS Code n’a
# rien de tel : on y ouvre le carnet, ou le journal, à la main.
ouvrir() {
  local config="$HOME/.jupyter/jupyter_server_config.py"
  local ligne="c.LabApp.default_url = '/lab/tree/$1'  # portrait des petites villes"
  mkdir -p "$HOME/.jupyter"
  if [ -f "$config" ]; then
    # La ligne d’un passage précédent laisse la place : le dernier l’emporte.
    grep -v '# portrait des petites villes$' "$config" >"$config.nouveau"
    mv "$config.nouveau" "$config"
  fi
  printf '%s\n' "$ligne" >>"$config"
}

mkdir -p "$TRAVAIL" || exit 2
dire "Préparation du portrait des petites villes."

depot="$(trouver_depot)" || echec \
  "le dépôt n’est pas dans $TRAVAIL." \
  "dans un terminal, clonez-le dans $TRAVAIL, puis relancez « bash CHEMIN_DU_DÉPÔT/sspcloud/init.sh »."
dire "Dépôt : $depot"

if [ -n "$CARNET" ]; then
  case "$CARNET" in
  *[!a-z0-9_]*) echec "« $CARNET » n’est pas un nom de carnet." "donnez par exemple 01_commerces." ;;
  esac
  [ -f "$depot/notebooks/$CARNET.ipynb" ] || echec \
    "le carnet $CARNET n’existe pas." \
    "choisissez parmi : $(cd "$depot/notebooks" && printf '%s ' [0-9]*.ipynb)"
fi

python="$(command -v "${PVD_PYTHON:-python}" || command -v python3)" || echec \
  "aucun Python n’a été trouvé." "lancez un service Jupyter ou VS Code « python »."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || echec \
  "$("$python" --version) est trop ancien : il faut Python 3.11 ou plus récent." \
  "relancez le service avec son image par défaut."
dire "Python : $("$python" --version)"

dire "Installation des paquets du verrou (quelques minutes)…"
installer "$python" "$depot" >>"$JOURNAL" 2>&1
code=$?
[ $code = 124 ] && echec "l’installation a dépassé $DELAI secondes." \
  "relancez « bash $depot/sspcloud/init.sh $CARNET » : ce qui est déjà fait n’est pas refait."
[ $code = 0 ] || echec "les paquets n’ont pas pu être installés." \
  "vérifiez le réseau, puis relancez « bash $depot/sspcloud/init.sh $CARNET »."
(cd "$depot" && timeout "$(reste)" "$python" -c 'from utils import tables; tables.load_towns()') >>"$JOURNAL" 2>&1 ||
  echec "les paquets sont là mais le livre ne se charge pas." \
    "relancez le service ; si cela persiste, signalez-le avec ce journal."

if [ -n "$CARNET" ]; then
  case "$depot" in
  "$TRAVAIL"/*) ouvrir "${depot#"$TRAVAIL"/}/notebooks/$CARNET.ipynb" ;;
  *) ouvrir "$(basename "$depot")/notebooks/$CARNET.ipynb" ;;
  esac
  dire "Carnet à ouvrir : notebooks/$CARNET.ipynb"
fi
dire "Prêt."
rendre

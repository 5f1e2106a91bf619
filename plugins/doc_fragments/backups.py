# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say which backups are meant; the twin of module_utils/environment/backup_target.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  engine:
    description: The database engine.
    type: str
    choices: [mariadb, postgresql]
    default: mariadb
  backup_target:
    description:
      - Where backups are kept, a folder of this machine or C(s3://<bucket>/<prefix>).
      - When empty it is C(backups/<engine>) below the environment's state.
    type: str
    default: ""
  backup_endpoint:
    description: Address of an S3 service that is not Amazon's.
    type: str
    default: ""
  backup_ca_file:
    description: Certificate of the authority that vouches for that service.
    type: path
    default: ""
  backup_region:
    description:
      - The region of the bucket.
      - The key that opens it comes from the environment's secrets, see O(echobase.platform.environment_secrets#module:s3_key).
    type: str
    default: us-east-1
"""

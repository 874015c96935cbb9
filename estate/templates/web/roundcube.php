<?php // SPDX-License-Identifier: Apache-2.0
$config = [];
$config['db_dsnw'] = '@ROUNDCUBE_DSN@';
$config['imap_host'] = '@IP@:143';
$config['smtp_host'] = 'tls://@IP@:587';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_conn_options'] = ['ssl' => ['cafile' => '@STATE@/tls/ca.pem', 'peer_name' => 'mail.corp.test']];
$config['des_key'] = 'estate-des-key-012345678';
$config['product_name'] = 'Roundcube of corp.test';
$config['mail_domain'] = 'corp.test';
$config['use_https'] = true;
$config['plugins'] = [];
$config['log_dir'] = '@STATE@/log/roundcube/';
$config['temp_dir'] = '@STATE@/roundcube/temp/';
$config['enable_installer'] = false;

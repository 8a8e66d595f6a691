/** "Points d'attention" and "Corrections recommandées": lines 152 to 366. */

import * as broker from "../checks/broker.ts";
import * as program from "../checks/program.ts";
import * as repository from "../checks/repository.ts";
import * as sessions from "../checks/sessions.ts";
import { holds, type Row, section, superseded } from "../rows.ts";

export const ATTENTION: readonly Row[] = [
  ...section("### 1. ⚠ Configuration .env Corrompue", [
    holds(
      159,
      "config.unclosed_quote",
      'WORKER_NAME="WhatsApp Worker ',
      program.lineIsDiagnosed(2, "unclosed_quote"),
    ),
    holds(161, "config.stray_text", "host:8080/api:5672", program.lineIsDiagnosed(4, "not_an_assignment")),
    holds(
      162,
      "config.spliced_line",
      "LOG_LEVEL=infoL=http://localh",
      program.lineIsDiagnosed(5, "holds_assignment"),
    ),
    holds(163, "config.missing", "NODE_ENV=production", program.missingSettingsAreNamed),
    holds(166, "config.corrupted", "❌ Le fichier .env est corrompu !", program.corruptedEnvIsRefused),
    holds(171, "config.recommended", "cat > .env << 'EOF'", program.recommendedEnvIsAccepted),
  ]),
  ...section("### 2. ⚠ Filtrage par Worker ID Manquant", [
    holds(
      207,
      "rabbitmq.filter",
      "Le worker ne filtre pas les messages par `workerId`",
      broker.ownNumberIsMeant,
    ),
    holds(219, "rabbitmq.filter_field", "⚠ Le worker doit filtrer sur ce champ", broker.ownNumberIsMeant),
    holds(229, "rabbitmq.filter_checked", "⚠ Ne vérifie pas le workerId", broker.othersCommandsWait),
    superseded(
      244,
      "rabbitmq.filter_solution",
      "✅ Filtrer par workerId",
      "routing, as ignoring would lose the command",
      broker.othersCommandsWait,
    ),
    holds(257, "sessions.close_solution", "case 'close':", sessions.closeIsHandled),
    holds(264, "sessions.reconnect_solution", "case 'reconnect':", sessions.reconnectIsHandled),
    holds(
      273,
      "sessions.unknown_action",
      "logger.warn(`Unknown session action: ${action}`);",
      sessions.unknownActionsAreAnswered,
    ),
  ]),
  ...section("### 3. ⚠ Format du Message QR Code", [
    holds(287, "sessions.qr_not_raw", "qrCode: qr,  // ⚠ Envoie le QR brut", sessions.qrIsAPicture),
    holds(294, "sessions.qr_fields", '"action": "qr_generated",', sessions.qrHasTheFields),
    holds(296, "sessions.qr_format", "⚠ Format base64", sessions.qrIsAPicture),
    holds(297, "sessions.qr_timestamp", '"timestamp": 1733396405000', sessions.qrHasATimestamp),
    holds(309, "sessions.qr_conversion", "✅ Convertir le QR en base64", repository.qrIsMadeWithQrcode),
    holds(317, "sessions.qr_base64", "✅ Format base64", sessions.qrIsAPicture),
  ]),
  ...section("### Correction 1: Réparer le fichier .env", [
    holds(336, "config.repaired", "# Créer le nouveau (voir contenu", program.recommendedEnvIsAccepted),
  ]),
  ...section("### Correction 2: Ajouter le filtrage par workerId", [
    superseded(
      343,
      "rabbitmq.filter_module",
      "`src/worker.js`",
      "smaller modules",
      repository.filesExist("src/worker.ts", "src/broker/reader.ts", "src/broker/inbox.ts"),
    ),
    holds(
      345,
      "rabbitmq.filter_added",
      "Modifier la fonction `handleSessionUpdate`",
      broker.othersCommandsWait,
    ),
  ]),
  ...section("### Correction 3: Convertir le QR en base64", [
    superseded(
      351,
      "sessions.qr_module",
      "`src/services/sessionManager.js`",
      "a module of its own",
      repository.filesExist("src/whatsapp/pairing/qr.ts"),
    ),
    superseded(355, "sessions.qr_package", "npm install qrcode", "deno.json", repository.qrIsMadeWithQrcode),
    holds(358, "sessions.qr_corrected", "Modifier le code de génération QR", sessions.qrIsAPicture),
  ]),
  ...section("### Correction 4: Ajouter le timestamp aux messages", [
    superseded(
      364,
      "rabbitmq.timestamp_module",
      "`src/services/sessionManager.js`",
      "the one place that makes events",
      repository.filesExist("src/announcer.ts"),
    ),
    holds(
      366,
      "rabbitmq.timestamps",
      "Ajouter `timestamp: Date.now()` à tous les messages RabbitMQ",
      broker.everythingHasATimestamp,
    ),
  ]),
];

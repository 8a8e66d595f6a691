/** "Score détaillé", "Conclusion" and "Support": lines 450 to 515. */

import * as broker from "../checks/broker.ts";
import * as program from "../checks/program.ts";
import * as repository from "../checks/repository.ts";
import * as sessions from "../checks/sessions.ts";
import { holds, type Row, section, sum, superseded, topics } from "../rows.ts";

const anything = () => true;

export const CONCLUSION: readonly Row[] = [
  ...section("## 📊 SCORE DÉTAILLÉ", [
    sum(454, "score.architecture", "**Architecture** | 100/100 | Structure parfaite", topics("architecture")),
    sum(455, "score.rabbitmq", "**RabbitMQ** | 95/100 | Manque filtrage workerId", topics("rabbitmq")),
    sum(456, "score.sessions", "**Sessions** | 95/100 | QR format à corriger", topics("sessions")),
    sum(457, "score.health", "**Health Checks** | 100/100 | Implémentation complète", topics("health")),
    sum(458, "score.config", "**Configuration** | 70/100 | .env corrompu", topics("config")),
    sum(459, "score.errors", "**Gestion Erreurs** | 100/100 | Excellente gestion", topics("errors")),
    sum(460, "score.logs", "**Logs** | 100/100 | Logs détaillés", topics("logs")),
    sum(462, "score.global", "**SCORE GLOBAL:** 95/100", anything),
  ]),
  ...section("### ✅ Points Forts", [
    holds(
      470,
      "architecture.solid",
      "**Architecture solide** - Suit parfaitement la structure recommandée",
      repository.structureHolds,
    ),
    holds(
      471,
      "rabbitmq.strong",
      "**Communication RabbitMQ** - Bien implémentée avec gestion des erreurs",
      broker.everythingIsContract,
    ),
    holds(
      472,
      "sessions.strong",
      "**Gestion des sessions** - Utilisation correcte de Baileys",
      sessions.realBaileysIsUsed,
    ),
    holds(
      473,
      "health.strong",
      "**Health checks** - Monitoring complet du worker",
      program.workerStatusIsSent,
    ),
    holds(474, "logs.strong", "**Logs** - Excellente traçabilité", program.logsTellTheStory),
  ]),
  ...section("### ⚠ Points à Corriger", [
    holds(478, "config.to_correct", "**Fichier .env corrompu** - À recréer", program.corruptedEnvIsRefused),
    holds(
      479,
      "rabbitmq.to_correct",
      "**Filtrage workerId** - Ajouter la vérification",
      broker.ownNumberIsMeant,
    ),
    holds(480, "sessions.to_correct", "**Format QR code** - Convertir en base64", sessions.qrIsAPicture),
  ]),
  ...section("1. **Immédiat (Critique)**", [
    holds(485, "config.next_env", "Recréer le fichier `.env` propre", repository.envExampleIsThere),
    holds(486, "rabbitmq.next_test", "Tester la connexion RabbitMQ", program.brokerConnectionIsTested),
  ]),
  ...section("2. **Court terme (Important)**", [
    holds(489, "rabbitmq.next_filter", "Ajouter le filtrage par `workerId`", broker.othersCommandsWait),
    holds(490, "sessions.next_base64", "Convertir le QR en base64", sessions.qrIsAPicture),
    holds(491, "sessions.next_package", "Installer la dépendance `qrcode`", repository.qrIsMadeWithQrcode),
  ]),
  ...section("3. **Moyen terme (Recommandé)**", [
    holds(494, "quality.unit_tests", "Ajouter des tests unitaires", repository.unitTestsExist),
    holds(495, "quality.documented", "Documenter les APIs internes", repository.interfacesAreDocumented),
    holds(496, "quality.prometheus", "Ajouter un monitoring Prometheus", program.prometheusCanScrape),
  ]),
  ...section("## 📞 SUPPORT", [
    sum(502, "support.percent", "**Votre worker est à 95% conforme !**", anything),
    sum(504, "support.corrections", "vous aurez un worker **100% conforme** au flux backend", anything),
    superseded(
      507,
      "support.documentation",
      "`DOCUMENTATION.md` - Documentation complète du worker",
      "the README and what stands beside it",
      repository.documentationIsThere,
    ),
    holds(508, "support.readme", "`README.md` - Guide de démarrage rapide", repository.readmeIsThere),
    superseded(
      509,
      "support.logs",
      "Logs du worker : `console.log` ou fichiers de logs",
      "structured lines on standard output",
      program.logsAreDetailed,
    ),
    superseded(
      514,
      "support.version",
      "**Version du worker:** 1.0.0",
      "a count of its own from 0.1.0",
      repository.versionIsTold,
    ),
    sum(515, "support.status", "**Statut:** ✅ CONFORME (avec corrections mineures)", anything),
  ]),
];
